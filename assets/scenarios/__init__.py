"""Projects before they are decided: edits to the supply, what they change for people, where to put what is added."""
