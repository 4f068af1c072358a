"""Who may do what, and why: Cedar's policies for commands, bitsets made of them for reads.

``policies/`` holds the policies in words and in Cedar, ``schema`` what they may speak of, ``bits``
the roles of each action as the policies have it (``python tools/policy_docs.py`` writes it),
``engine`` decides, ``explain`` says why.
"""
