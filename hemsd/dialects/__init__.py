"""The public dialects: visits, courses and decisions, told in the words of others. Views only; nothing is kept here."""
