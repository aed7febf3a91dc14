"""Sections and tables that pages of several studies are made of; what differs by study is an argument."""
