package usage

import "fmt"

// sizeInMemory is about what a record takes.
const sizeInMemory = 512

// Memory is a spool where there is no disk for one. It ends with the process.
type Memory struct {
	limit   int64 // in bytes
	records []Record
	given   int
}

var _ Spool = (*Memory)(nil)

// NewMemory returns a spool of about so many bytes.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

// Push adds records, as far as there is room.
func (m *Memory) Push(records []Record) (kept int, err error) {
	kept = min(len(records), max(0, int((m.limit-m.Size())/sizeInMemory)))
	m.records = append(m.records, records[:kept]...)
	return kept, nil
}

// Next gives the oldest.
func (m *Memory) Next(most int) (records []Record, torn int, err error) {
	m.given = min(most, len(m.records))
	return m.records[:m.given], 0, nil
}

// Drop removes them.
func (m *Memory) Drop() error {
	m.records = append([]Record(nil), m.records[m.given:]...)
	m.given = 0
	return nil
}

// Size is about what is kept.
func (m *Memory) Size() int64 { return int64(len(m.records)) * sizeInMemory }

// Close fails where something is lost by it.
func (m *Memory) Close() error {
	if len(m.records) > 0 {
		return fmt.Errorf("%d records of usage are lost: the store did not take them, and there is no spool on disk", len(m.records))
	}
	return nil
}
