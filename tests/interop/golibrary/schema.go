package golibrary

import (
	"encoding/json"
	"fmt"

	"github.com/pithecene-io/lode/lode"
)

// types by the names that liblode's schemas give them.
var types = map[string]lode.ParquetType{
	"int32":     lode.ParquetInt32,
	"int64":     lode.ParquetInt64,
	"float32":   lode.ParquetFloat32,
	"float64":   lode.ParquetFloat64,
	"string":    lode.ParquetString,
	"bool":      lode.ParquetBool,
	"bytes":     lode.ParquetBytes,
	"timestamp": lode.ParquetTimestamp,
}

// Schema gives the columns that a schema of liblode's declares, in JSON.
func Schema(text []byte) (lode.ParquetSchema, error) {
	var declared struct {
		Fields []struct {
			Name, Type string
			Nullable   bool
		}
	}
	if err := json.Unmarshal(text, &declared); err != nil {
		return lode.ParquetSchema{}, fmt.Errorf("schema: %w", err)
	}
	var schema lode.ParquetSchema
	for _, field := range declared.Fields {
		kind, known := types[field.Type]
		if !known {
			return lode.ParquetSchema{}, fmt.Errorf("unknown type %q", field.Type)
		}
		column := lode.ParquetField{Name: field.Name, Type: kind, Nullable: field.Nullable}
		schema.Fields = append(schema.Fields, column)
	}
	return schema, nil
}
