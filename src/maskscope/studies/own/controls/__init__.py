"""The controls of a study of a user's own network: what each does, and which are on unless the user says otherwise."""
