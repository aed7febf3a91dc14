"""``maskscope mask``: masks as things."""
