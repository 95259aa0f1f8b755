module liblode

go 1.25
