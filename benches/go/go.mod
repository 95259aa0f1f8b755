module lode-bench-go

go 1.25

require liblode v0.1.0

replace liblode => ../../bindings/go
