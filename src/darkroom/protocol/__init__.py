"""What server, worker and host say to each other: messages, and the link that carries them."""
