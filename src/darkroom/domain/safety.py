"""What a version's configuration says of checking its pictures."""

SAFETY = "safety"
"""`off` where the operator wants no picture checked."""

OFF = "off"

SAFETY_CHECKER = "safety_checker"
"""Address of the first stage's weights."""

NSFW_CLASSIFIER = "nsfw_classifier"
"""Address of the second stage's weights."""

CHECKERS = (SAFETY_CHECKER, NSFW_CLASSIFIER)
"""Keys that name weights, like `weights` itself; a stage without its key is left out."""

ALLOW_UNCHECKED = "allow_unchecked"
"""`yes` where a run may do without the checker."""

PREVIEWS = "previews"
"""`off` where nothing of a run is shown before it is checked."""

YES = "yes"
"""What a key that is on or absent says when it is on."""
