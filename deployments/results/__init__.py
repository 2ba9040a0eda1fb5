"""What people do with results: explain a score, hand the segments over, find dates that late orders touch."""
