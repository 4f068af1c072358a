"""Webhooks: events of an institution, sent to the addresses that it names, signed.

The form is that of Standard Webhooks 1.0 (https://www.standardwebhooks.com). A consumer of the log
(``queue``) writes down what is to be sent, in the commit in which its position moves; the
:class:`~bloop.webhooks.sender.Sender` of any process sends it, for each endpoint one event after
another. So a slow endpoint holds up neither the log nor the other endpoints.
"""
