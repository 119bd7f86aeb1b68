"""What the vendors refuse, in their words. Each rule names the page or the thread it is from."""
