"""The command ``bloop``. ``main`` names the commands; each is imported when it is called."""
