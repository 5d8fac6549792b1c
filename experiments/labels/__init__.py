"""Labels of steps, made from the trees of a run, and the training files made of them."""
