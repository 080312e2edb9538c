package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
)

// What the gateway may hold at rest beyond what it held before.
const (
	// Each backend may keep the connection of its last probe, which is a descriptor, and two goroutines
	// here; and the page that is read has one of its own.
	moreDescriptors = 4
	moreGoroutines  = 10
	// A machine that is busy with other things may stand still for longer than the gateway waits for a
	// backend. Of so many requests one may time out for that alone, if it did take so long.
	perLate = 1000

	// Go gives memory back late, and the sizes of the largest bodies that came together vary: of what was
	// resident when it was warm, a half more, and in any case this much (KiB).
	moreResident = 16 << 10
)

// report is what the clients met. It is told by many at once.
type report struct {
	fresh, warm, after state

	mu       sync.Mutex
	met      map[string]map[ending]int // by the kind of the request
	counts   map[counter]int           // without those that were left
	left     int
	unclear  int // whose end was no end: offences
	late     int // that timed out, and took long enough for it, though no backend was at fault
	total    int
	offences int
	named    []string // the first of them
}

func newReport() *report {
	return &report{met: map[string]map[ending]int{}, counts: map[counter]int{}}
}

// note takes one request down, and judges it: what nobody may meet is an offence, and so is an error that
// nothing explains.
func (r *report) note(e errand, how ending, err error, known []entry) {
	switch {
	case err != nil:
		r.offend("%s (%s, model %s, stream %v): %v; backends: %s", e.id, e.kind, e.model, e.stream, err, told(known))
		r.mu.Lock()
		defer r.mu.Unlock()
		r.unclear++
		return
	case how == left:
	case e.fault != nil && (how != e.fault.ending || len(known) > 0):
		r.offend("%s (wrong %s): %v; backends: %s", e.id, e.fault.name, how, told(known))
	case e.fault == nil && !explained(e, how, known) && how.code == "upstream_timeout" && e.took >= timeout:
		r.stoodStill()
	case e.fault == nil && !explained(e, how, known):
		r.offend("%s (%s, model %s, stream %v): %v is explained by nothing; backends: %s", e.id, e.kind, e.model, e.stream, how, told(known))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.met[e.kind] == nil {
		r.met[e.kind] = map[ending]int{}
	}
	r.met[e.kind][how]++
	if r.total++; how == left {
		r.left++
		return
	}
	r.counts[how.counted()]++
}

func (r *report) stoodStill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late++
}

func told(known []entry) string {
	out := ""
	for _, k := range known {
		out += k.backend + " " + k.name
		if k.cut {
			out += " (cut)"
		}
		out += "; "
	}
	return cmp.Or(out, "none")
}

func (r *report) offend(format string, args ...any) {
	const most = 20
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.offences++; r.offences <= most {
		r.named = append(r.named, fmt.Sprintf(format, args...))
	}
}

// unrest is what the gateway still holds that it should not, or has not counted.
func (r *report) unrest(s state) error {
	var errs []error
	if s.inflight > 0 {
		errs = append(errs, fmt.Errorf("%d requests are still with a backend", s.inflight))
	}
	if most := r.fresh.goroutines + moreGoroutines; s.goroutines > most {
		errs = append(errs, fmt.Errorf("%d goroutines, at most %d", s.goroutines, most))
	}
	if most := r.fresh.descriptors + moreDescriptors; s.descriptors > most {
		errs = append(errs, fmt.Errorf("%d descriptors, at most %d", s.descriptors, most))
	}
	return errors.Join(append(errs, r.compare(s.counted))...)
}

// compare holds the gateway's counters to what the clients met. A client that leaves cannot know how far
// its answer had come: the gateway may have been done with it. So each counter is at least what clients
// met, and what all of them are more is exactly what was left.
func (r *report) compare(counted map[counter]int) error {
	var errs []error
	more := 0
	for _, c := range r.counters(counted) {
		surplus := counted[c] - r.counts[c]
		if more += surplus; surplus < 0 {
			errs = append(errs, fmt.Errorf("%d %q was counted %d times and met %d times", c.status, c.code, counted[c], r.counts[c]))
		}
	}
	if more != r.left+r.unclear {
		errs = append(errs, fmt.Errorf("the gateway counted %d requests beyond those that clients saw the end of; they left %d, and %d had none", more, r.left, r.unclear))
	}
	return errors.Join(errs...)
}

func (r *report) counters(counted map[counter]int) []counter {
	all := maps.Clone(r.counts)
	for c := range counted {
		all[c] += 0
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b counter) int {
		return cmp.Or(cmp.Compare(a.status, b.status), cmp.Compare(a.code, b.code))
	})
}

// judge looks at the end.
func (r *report) judge(stillAsked int64) {
	if err := r.unrest(r.after); err != nil {
		r.offend("at rest: %v", err)
	}
	if most := max(r.warm.resident*3/2, r.warm.resident+moreResident); r.after.resident > most {
		r.offend("at rest: %d KiB are resident, at most %d", r.after.resident, most)
	}
	if stillAsked > 0 {
		r.offend("at rest: backends still work on %d requests", stillAsked)
	}
	if most := r.total/perLate + 1; r.late > most {
		r.offend("%d requests timed out for no backend's fault, at most %d", r.late, most)
	}
	if r.counts[whole.counted()] == 0 {
		r.offend("no request was answered at all")
	}
}

func (r *report) verdict() error {
	if r.offences == 0 {
		return nil
	}
	return fmt.Errorf("%d offences", r.offences)
}

func (r *report) print(books *ledger) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer w.Flush() //nolint:errcheck // whoever reads it sees that it is not there
	r.printEndings(w)
	_, _ = fmt.Fprintf(w, "\nbackends\tbehaviour\trequests\n")
	for _, name := range slices.Sorted(maps.Keys(books.told)) {
		_, _ = fmt.Fprintf(w, "\t%s\t%d\n", name, books.told[name])
	}
	_, _ = fmt.Fprintf(w, "\nstatus\tcode\tgateway\tclients\tmore\n")
	for _, c := range r.counters(r.after.counted) {
		n := r.after.counted[c]
		_, _ = fmt.Fprintf(w, "%d\t%s\t%d\t%d\t%d\n", c.status, c.code, n, r.counts[c], n-r.counts[c])
	}
	_, _ = fmt.Fprintf(w, "left\t\t\t%d\n", r.left)
	_, _ = fmt.Fprintf(w, "\nat rest\tfresh\twarm\tafter\n")
	_, _ = fmt.Fprintf(w, "resident KiB\t%d\t%d\t%d\n", r.fresh.resident, r.warm.resident, r.after.resident)
	_, _ = fmt.Fprintf(w, "goroutines\t%d\t%d\t%d\n", r.fresh.goroutines, r.warm.goroutines, r.after.goroutines)
	_, _ = fmt.Fprintf(w, "descriptors\t%d\t%d\t%d\n", r.fresh.descriptors, r.warm.descriptors, r.after.descriptors)
	_, _ = fmt.Fprintf(w, "\n%d requests, %d late for no backend's fault, %d offences\n", r.total, r.late, r.offences)
	for _, o := range r.named {
		_, _ = fmt.Fprintf(w, "- %s\n", o)
	}
}

// printEndings says how requests of each kind ended.
func (r *report) printEndings(w *tabwriter.Writer) {
	kinds := slices.Sorted(maps.Keys(r.met))
	rows := map[string]bool{}
	_, _ = fmt.Fprint(w, "\nended")
	for _, kind := range kinds {
		_, _ = fmt.Fprintf(w, "\t%s", kind)
		for how := range r.met[kind] {
			rows[how.String()] = true
		}
	}
	_, _ = fmt.Fprintln(w)
	for _, row := range slices.Sorted(maps.Keys(rows)) {
		_, _ = fmt.Fprint(w, row)
		for _, kind := range kinds {
			n := 0
			for how, count := range r.met[kind] {
				if how.String() == row {
					n += count
				}
			}
			_, _ = fmt.Fprintf(w, "\t%d", n)
		}
		_, _ = fmt.Fprintln(w)
	}
}
