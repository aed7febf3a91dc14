"""``maskscope data``: the data sets that studies use."""
