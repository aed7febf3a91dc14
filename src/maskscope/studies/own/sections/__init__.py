"""The sections that only the page of a user's own network has."""
