module sliceway.io/labs/pause

go 1.26.0
