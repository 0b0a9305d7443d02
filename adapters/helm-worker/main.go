// Command sliceway-helm-worker renders Helm charts for Sliceway: requests come in frames on stdin, answers leave in
// frames on stdout, in the order in which they are done. It runs until stdin ends.
//
// It must never write anything but frames to stdout, and it gives up files, network and other processes before the
// first request (confine). It has no clock of its own over a render: whoever started it ends it when one takes too long.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"
	_ "time/tzdata" // Templates name time zones, and no file is read for them.

	"helm.sh/helm/v4/pkg/chart/loader/archive"
)

// memoryExit is the exit status that says: the charts in work needed more memory than allowed.
const memoryExit = 75

// deepest is how far calls may go: templates that call themselves end here instead of filling the memory.
const deepest = 128 << 20

// words go to whoever started the worker. Helm's own would hold values of charts, and are dropped.
var words = log.New(os.Stderr, "", 0)

type limits struct {
	frame  int64
	memory int64
	output int64
	chart  int64
	files  int
}

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	log.SetOutput(io.Discard)
	var lim limits
	flag.Int64Var(&lim.frame, "frame-bytes", 64<<20, "largest frame, in and out")
	flag.Int64Var(&lim.memory, "memory-bytes", 768<<20, "memory at which the worker gives up")
	flag.Int64Var(&lim.output, "output-bytes", 16<<20, "largest output of one render")
	flag.Int64Var(&lim.chart, "chart-bytes", 64<<20, "largest unpacked chart")
	flag.IntVar(&lim.files, "chart-files", 10000, "most files in one chart")
	flag.Parse()
	archive.MaxDecompressedChartSize = lim.chart
	if err := holdMemory(lim.memory); err != nil {
		words.Fatalf("limit memory: %v", err)
	}
	os.Clearenv()
	_, _ = time.Now().Zone()
	if err := confine(); err != nil {
		words.Fatalf("the worker cannot confine itself: %v", err)
	}
	if err := serve(os.Stdin, os.Stdout, lim); err != nil {
		words.Fatal(err)
	}
}

// holdMemory keeps a chart from taking the machine: the collector works harder as the limit nears, a watch ends the
// process past it, and the address space ends where the watch would be too slow.
func holdMemory(limit int64) error {
	debug.SetMemoryLimit(limit / 4 * 3)
	debug.SetMaxStack(deepest)
	space := uint64(limit)*2 + 2<<30
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: space, Max: space}); err != nil {
		return err
	}
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for range time.Tick(20 * time.Millisecond) {
			metrics.Read(sample)
			if held := sample[0].Value.Uint64() - sample[1].Value.Uint64(); held > uint64(limit) {
				fmt.Fprintf(os.Stderr, "memory: %d bytes are in use, the limit is %d\n", held, limit)
				os.Exit(memoryExit)
			}
		}
	}()
	return nil
}

// serve answers every request in a goroutine of its own; how many are in work is bounded by the other side.
func serve(in io.Reader, out io.Writer, lim limits) error {
	var write sync.Mutex
	reader := bufio.NewReader(in)
	for {
		frame, err := readFrame(reader, lim.frame)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var req request
		if err := json.Unmarshal(frame, &req); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		go func() {
			bytes := encode(handle(&req, lim), lim)
			write.Lock()
			defer write.Unlock()
			if _, err := out.Write(bytes); err != nil {
				words.Fatalf("answer: %v", err)
			}
		}()
	}
}

func handle(req *request, lim limits) (ans answer) {
	ans.ID = req.ID
	defer func() {
		if r := recover(); r != nil {
			words.Printf("request %d: panic\n%s", req.ID, debug.Stack())
			ans = answer{ID: req.ID, Problems: bound([]problem{{Kind: kindInternal, Message: fmt.Sprint(r)}})}
		}
	}()
	var problems []problem
	switch {
	case req.Protocol != protocol:
		problems = fail(kindInternal, "the worker speaks protocol %d, not %d", protocol, req.Protocol)
	case req.Render != nil:
		ans.Rendered, problems = render(req.Render, lim)
	case req.Objects != nil:
		ans.Objects, problems = objectsOf(req.Objects, lim)
	case req.Inspect != nil:
		ans.Chart, problems = inspect(req.Inspect, lim)
	case req.Show != nil:
		ans.Shown, problems = show(req.Show, lim)
	case req.Depend != nil:
		ans.Needs, problems = depend(req.Depend, lim)
	case req.Pick != nil:
		ans.Picked, problems = pick(req.Pick)
	default:
		problems = fail(kindInternal, "unknown request")
	}
	if len(problems) > 0 {
		return answer{ID: req.ID, Problems: bound(problems)}
	}
	return ans
}

func readFrame(in io.Reader, limit int64) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(head[:]))
	if size > limit {
		return nil, fmt.Errorf("request of %d bytes, the limit is %d", size, limit)
	}
	frame := make([]byte, size)
	_, err := io.ReadFull(in, frame)
	return frame, err
}

func encode(ans answer, lim limits) []byte {
	body, err := json.Marshal(ans)
	if err != nil {
		body = mustMarshal(answer{ID: ans.ID, Problems: fail(kindInternal, "answer: %v", err)})
	}
	if int64(len(body)) > lim.frame {
		body = mustMarshal(answer{ID: ans.ID, Problems: fail(kindLimit,
			"the rendered chart is %d bytes on the wire, the limit is %d", len(body), lim.frame)})
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func mustMarshal(ans answer) []byte {
	body, err := json.Marshal(ans)
	if err != nil {
		words.Fatalf("answer: %v", err)
	}
	return body
}
