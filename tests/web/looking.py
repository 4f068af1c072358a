"""What a browser is asked of a page: what axe is to look for, and whether it fits a phone."""

NARROW = {"width": 320, "height": 640}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# It is loaded into the page alone: of frames it would only wait for an answer that none gives.
AXE = {"resultTypes": ["violations"], "iframes": False}
OF_COLOURS = AXE | {"runOnly": ["color-contrast", "link-in-text-block"]}
"""What another scheme changes of a page: all else is looked for in the first."""
