"""Whether a cached question asks the same as the one at hand, so that its answer may be given again: `verifier.verify`.

The nearest neighbour by its embedding is a candidate, not a hit. What two texts must agree on is checked by rules that can be explained
(`guards`), and how likely they ask the same is estimated by a trained model (`features`, `scorer`) from which a threshold is chosen
(`thresholds`). docs/semantic-verifier.md says what that was measured at.
"""
