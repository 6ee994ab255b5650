"""What a user can ask for, one class per noun; and who runs what."""
