package usage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// run writes what waits, time and again, until the recorder is closed.
func (r *Recorder) run() {
	defer close(r.ended)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for closed := false; !closed; {
		select {
		case <-tick.C:
		case <-r.poke:
		}
		closed = r.flush()
		if r.drain(closed) && !closed {
			r.wake()
		}
		r.complain(closed)
	}
}

// flush keeps what waits, and then tells those who wait for it. The sink has a time for all of it, so that a
// slow one delays no request, and no record is in memory alone for long.
func (r *Recorder) flush() (closed bool) {
	records, since, written, closed := r.take()
	defer close(written)
	defer r.reuse(records)
	r.round = time.Now()
	until := r.round.Add(patience)
	if last := since.Add(oldest); last.Before(until) && !closed {
		until = last
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	for len(records) > 0 {
		n := min(r.piece, len(records))
		if time.Until(until) < patience/2 || !r.write(ctx, records[:n], closed) {
			r.push(records)
			return closed
		}
		records = records[n:]
	}
	return closed
}

// write has the sink keep records, unless it was away just now; the last words are tried in any case. A sink that
// is slow is given fewer the next time, so that it can take some in its time.
func (r *Recorder) write(ctx context.Context, records []Record, last bool) bool { //nolint:revive // it is how things are
	if r.away && !last && time.Now().Before(r.retry) {
		return false
	}
	began := time.Now()
	refused, err := r.hand(ctx, records)
	switch {
	case err != nil:
		r.piece = max(fewest, r.piece/4)
	case time.Since(began) < patience/4:
		r.piece = min(batch, 2*r.piece)
	}
	if err == nil { // else they come again
		r.dropped.Add(refused)
	}
	r.tell(err)
	if r.away = err != nil; r.away {
		r.retry = time.Now().Add(again)
	}
	return !r.away
}

// hand gives records to the sink. Of those that it refuses it finds the one by halves that it will never take, and
// sets it aside, for it would keep back all that come after it.
func (r *Recorder) hand(ctx context.Context, records []Record) (refused int64, err error) {
	err = r.options.Sink.AddUsage(ctx, records)
	if !errors.Is(err, ErrRefused) {
		return 0, err
	}
	if len(records) == 1 {
		r.note("the store", err)
		return 1, nil
	}
	for _, half := range [][]Record{records[:len(records)/2], records[len(records)/2:]} {
		n, err := r.hand(ctx, half)
		if err != nil {
			return 0, err
		}
		refused += n
	}
	return refused, nil
}

// tell logs that the sink is away, at first and once in a while, and that it is back.
func (r *Recorder) tell(err error) {
	switch {
	case err != nil && (!r.away || time.Since(r.toldAt) >= remind):
		r.options.Logger.Error("the store takes no usage; it is spooled", "cause", err)
		r.toldAt = time.Now()
	case err == nil && r.away:
		r.options.Logger.Warn("the store takes usage again")
	}
}

func (r *Recorder) push(records []Record) {
	kept, err := r.options.Spool.Push(records)
	r.note("spool usage", err)
	r.dropped.Add(int64(len(records) - kept))
	r.size.Store(r.options.Spool.Size())
}

// drain hands the oldest of the spool to the sink, and reports whether there is more that the sink may take;
// at the end all of it, as far as there is time.
func (r *Recorder) drain(closed bool) (more bool) {
	for more = r.drainSome(closed); more && closed && time.Now().UnixNano() < r.until.Load(); {
		more = r.drainSome(closed)
	}
	return more
}

func (r *Recorder) drainSome(closed bool) (more bool) { //nolint:revive // it is how things are
	spool := r.options.Spool
	if spool.Size() == 0 || r.away && !closed && time.Now().Before(r.retry) {
		return false
	}
	until := time.Now().Add(patience)
	if last := r.round.Add(oldest); last.Before(until) { // what came since is not kept meanwhile
		until = last
	}
	if closed { // nobody waits any more
		until = time.Unix(0, r.until.Load())
	}
	if !time.Now().Before(until) {
		return false
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	records, torn, err := spool.Next(r.piece)
	if err != nil {
		r.note("read the spool", err)
		return false
	}
	if len(records) > 0 && !r.write(ctx, records, closed) {
		return false
	}
	r.dropped.Add(int64(torn))
	if err := spool.Drop(); err != nil {
		r.note("empty the spool", err)
		return false
	}
	r.size.Store(spool.Size())
	return spool.Size() > 0
}

// note keeps why something went wrong with the spool, for the next line.
func (r *Recorder) note(doing string, err error) {
	if err != nil {
		r.cause = fmt.Errorf("%s: %w", doing, err)
	}
}

// complain tells of records that were lost and of a spool that fails, once in a while and at the end.
func (r *Recorder) complain(last bool) { //nolint:revive // it is how things are
	lost := r.dropped.Load() - r.said
	if lost == 0 && r.cause == nil || !last && time.Since(r.saidAt) < complain {
		return
	}
	r.options.Logger.Error("records of usage are lost, or the spool fails", "lost", lost, "cause", r.cause)
	r.said, r.saidAt, r.cause = r.said+lost, time.Now(), nil
}
