"""Login with an account elsewhere: who is whom, how a login goes, and who may join by it."""
