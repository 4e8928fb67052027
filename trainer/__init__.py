"""Train image classifiers on pictures in class folders."""
