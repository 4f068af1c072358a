"""One person's data: handed out, and erased, by the marks that the tables carry."""
