"""What a frame, its sensors and its labels may be, and how mutations change them."""
