"""What people look at: tables, pictures, trackers and an HTML page."""
