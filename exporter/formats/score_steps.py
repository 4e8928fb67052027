"""The steps in which an int8 file of any format counts scores."""

# The largest logit that an int8 file tells apart. Beyond it a sigmoid in steps of 1/256 is 0 or 1, and the steps
# are better spent within.
LARGEST_LOGIT = 6.3
