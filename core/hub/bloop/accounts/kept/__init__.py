"""What somebody was sending when their session ended, until they have logged in again."""
