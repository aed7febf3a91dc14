"""How figures are drawn: panels as values, and the shapes that they share. matplotlib is imported when a panel is drawn."""
