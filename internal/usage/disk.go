package usage

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

const (
	suffix    = ".jsonl"
	instances = 256 // that can have a file in one folder
)

// Disk is a spool of files in a folder, a record a line. Each process has a file of its own there, which it
// holds a lock on; it takes over the files of those that are gone.
type Disk struct {
	folder string
	limit  int64   // in bytes, of all files
	files  []*file // the first is written to
	reads  *file   // what Next has read from
	passed int64   // what Next has read
}

// file is a file that this process holds.
type file struct {
	handle
	size int64
	read int64 // up to where the sink has it
}

// handle is what is needed of an os.File.
type handle interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

var _ Spool = (*Disk)(nil)

// Open opens a spool in a folder, which it makes where it is not there, and takes over what others have left
// in it. All files together hold at most about limit bytes.
func Open(folder string, limit int64) (*Disk, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	d := &Disk{folder: folder, limit: limit}
	for i := range instances {
		path := d.path(i)
		if _, err := os.Stat(path); len(d.files) > 0 && errors.Is(err, os.ErrNotExist) {
			continue
		}
		f, err := openFile(path)
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		if f != nil {
			d.files = append(d.files, f)
		}
	}
	if len(d.files) == 0 {
		return nil, fmt.Errorf("%s has %d files, all of which others write to", folder, instances)
	}
	return d, nil
}

func (d *Disk) path(i int) string {
	return filepath.Join(d.folder, fmt.Sprintf("usage-%03d%s", i, suffix))
}

// openFile opens a file; nil where another process has it. Files are never removed, so that a lock is always
// one on the file that others find.
func openFile(path string) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the folder
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		_ = f.Close()
		if errors.Is(err, errLocked) {
			return nil, nil
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	held := &file{handle: f, size: info.Size()}
	if err := held.endLine(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return held, nil
}

// endLine ends the last line, where the process that wrote it died within it.
func (f *file) endLine() error {
	if f.size == 0 {
		return nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, f.size-1); err != nil {
		return err
	}
	if last[0] == '\n' {
		return nil
	}
	return f.append([]byte{'\n'})
}

func (f *file) append(p []byte) error {
	_, err := f.WriteAt(p, f.size)
	if err == nil {
		err = f.Sync()
	}
	if err != nil { // what counts as lost must not come back, and of half a line nobody could tell where it ends
		return errors.Join(err, f.Truncate(f.size))
	}
	f.size += int64(len(p))
	return nil
}

// Push adds records, as far as there is room. They are on disk when it returns.
func (d *Disk) Push(records []Record) (kept int, err error) {
	var lines []byte
	room := d.limit - d.Size()
	for ; kept < len(records); kept++ {
		more := append(records[kept].AppendJSON(lines), '\n')
		if int64(len(more)) > room {
			break
		}
		lines = more
	}
	if kept == 0 {
		return 0, nil
	}
	if err := d.files[0].append(lines); err != nil {
		return 0, err
	}
	return kept, nil
}

// turn has another file be written to, so that the one that is read from becomes empty however much comes meanwhile.
// Where there is none to be had it stays as it is.
func (d *Disk) turn() {
	for i, f := range d.files {
		if f.size == 0 {
			d.files[0], d.files[i] = f, d.files[0]
			return
		}
	}
	for i := range instances {
		if f, err := openFile(d.path(i)); err == nil && f != nil { // those of its own are locked, too
			d.files = slices.Insert(d.files, 0, f)
			return
		}
	}
}

// Next gives the oldest of a file that another has left, or else of the own one.
func (d *Disk) Next(most int) (records []Record, torn int, err error) {
	d.reads, d.passed = nil, 0
	for i := len(d.files) - 1; i >= 0 && d.reads == nil; i-- {
		if f := d.files[i]; f.read < f.size {
			d.reads = f
		}
	}
	if d.reads == nil {
		return nil, 0, nil
	}
	if d.reads == d.files[0] {
		d.turn()
	}
	lines := bufio.NewReader(io.NewSectionReader(d.reads, d.reads.read, d.reads.size-d.reads.read))
	for range most {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		d.passed += int64(len(line))
		var r Record
		if json.Unmarshal(line, &r) != nil || r.ID == "" {
			torn++
			continue
		}
		records = append(records, r)
	}
	return records, torn, nil
}

// Drop removes what Next gave. A file is made empty once all of it is gone, and given back where it was
// another's; what a process that died before that has handed over, the sink gets again.
func (d *Disk) Drop() error {
	f := d.reads
	if f == nil {
		return nil
	}
	d.reads = nil
	if f.read += d.passed; f.read < f.size {
		return nil
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	f.size, f.read = 0, 0
	if f == d.files[0] {
		return nil
	}
	d.files = slices.DeleteFunc(d.files, func(other *file) bool { return other == f })
	return f.Close()
}

// Size is that of all files, as far as anything in them is kept.
func (d *Disk) Size() (bytes int64) {
	for _, f := range d.files {
		bytes += f.size
	}
	return bytes
}

// Close gives the files back.
func (d *Disk) Close() error {
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
