"""What people look at: tables, pictures, trackers, a page."""
