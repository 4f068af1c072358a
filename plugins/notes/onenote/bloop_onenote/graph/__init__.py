"""Microsoft Graph for a person who has logged in: tokens through msal, and requests with them.

Nothing here knows of OneNote: whatever else of Graph a plugin reads comes in this way.

    app = App(client_id=..., permissions=("Files.Read",), ...)      # app.py
    tokens = Tokens(app, ctx, "login", kept)      # tokens.py; the setting that holds the login
    graph = Graph(ctx.http, tokens)               # client.py
    await graph.get("me/drive")
"""
