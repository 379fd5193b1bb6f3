"""Two stores one can start at home, speaking the real wire protocols, and the one world they share."""
