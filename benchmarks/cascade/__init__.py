"""What escalating only doubtful answers is worth: the quality classifier's offline evaluation, and its shared model's training."""
