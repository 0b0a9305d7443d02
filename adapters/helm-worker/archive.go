package main

// What a packed chart may hold, checked before Helm's loader unpacks it into memory: the loader bounds the size of
// one archive, but not that of the archives in its charts/, and takes links, devices and names twice.

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// deepestChart is how far packed charts may lie in each other.
	deepestChart = 8
	// deepestName is how many folders a file may lie in.
	deepestName = 64
	longestPath = 1024
)

// unpacking is what is left of the limits for a chart and the charts in it.
type unpacking struct {
	lim   limits
	bytes int64
	files int
}

func readArchive(ref *chartRef, lim limits) ([]byte, []problem) {
	left := unpacking{lim: lim, bytes: lim.chart, files: lim.files}
	return ref.Archive, left.archive(ref.Archive, 0)
}

func (left *unpacking) archive(packed []byte, below int) []problem {
	if below > deepestChart {
		return fail(kindLimit, "packed charts lie in packed charts, more than %d deep", deepestChart)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fail(kindChart, "the chart is not a packed chart: %v", err)
	}
	// Headers and padding come on top of the files.
	entries := tar.NewReader(io.LimitReader(unzipped, left.lim.chart+int64(left.lim.files)*2048))
	seen := map[string]bool{}
	for {
		head, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return left.broken(err)
		}
		name, problems := left.entry(head, seen)
		if problems != nil {
			return problems
		}
		if isPackedChart(name) {
			inner, err := io.ReadAll(entries)
			if err != nil {
				return left.broken(err)
			}
			if problems := left.archive(inner, below+1); problems != nil {
				return problems
			}
		}
	}
}

func (left *unpacking) broken(err error) []problem {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fail(kindLimit, "the chart is cut short, or larger than %d bytes unpacked", left.lim.chart)
	}
	return fail(kindChart, "the chart is not a packed chart: %v", err)
}

// entry gives the name of a file within its chart, and an empty one for what is no file.
func (left *unpacking) entry(head *tar.Header, seen map[string]bool) (string, []problem) {
	if left.files--; left.files < 0 {
		return "", fail(kindLimit, "the chart has more than %d files", left.lim.files)
	}
	if left.bytes -= head.Size; head.Size < 0 || left.bytes < 0 {
		return "", fail(kindLimit, "the chart is larger than %d bytes unpacked", left.lim.chart)
	}
	switch head.Typeflag {
	case tar.TypeXGlobalHeader:
		return "", nil
	case tar.TypeDir, tar.TypeReg:
	case tar.TypeSymlink, tar.TypeLink:
		return "", fail(kindChart, "the chart holds a link, which is not followed: %s", head.Name)
	default:
		return "", fail(kindChart, "the chart holds something that is neither a file nor a folder: %s", head.Name)
	}
	name, problems := checkName(head.Name)
	if problems != nil || head.Typeflag == tar.TypeDir {
		return "", problems
	}
	if seen[name] {
		return "", fail(kindChart, "the chart holds %s twice", name)
	}
	seen[name] = true
	return name, nil
}

// checkName leaves out the folder that the chart is packed in, as Helm does.
func checkName(packed string) (string, []problem) {
	if len(packed) > longestPath {
		return "", fail(kindChart, "the chart holds a name of more than %d bytes", longestPath)
	}
	if !utf8.ValidString(packed) || strings.ContainsFunc(packed, unicode.IsControl) {
		return "", fail(kindChart, "the chart holds a name with characters that no name has: %q", packed)
	}
	name := packed
	if strings.Contains(name, `\`) {
		name = strings.ReplaceAll(name, `\`, "/")
	}
	parts := strings.Split(name, "/")
	if len(parts) > deepestName {
		return "", fail(kindChart, "the chart holds a file in more than %d folders", deepestName)
	}
	if parts[0] == "" || slices.Contains(parts, "..") {
		return "", fail(kindChart, "the chart holds a name that leads out of it: %s", packed)
	}
	return path.Clean(strings.Join(parts[1:], "/")), nil
}

// isPackedChart is where the loader unpacks: directly in the charts/ of this chart or of an unpacked one in it.
func isPackedChart(name string) bool {
	folder, file := path.Split(name)
	return path.Ext(file) == ".tgz" && path.Base(folder) == "charts" && strings.IndexAny(file, "_.") != 0
}
