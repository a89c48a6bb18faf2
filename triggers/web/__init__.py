"""What the HTTP functions share: who calls, what they sent, and how an answer looks."""
