/*
 * `go test` as a whole: the go command, the compiler and the test binary, which is gone when the report is made. Two tests
 * that run at the same time leave goroutines behind by the same function, a subtest a lock.
 *
 * EXPECT: blocked m_test.go:12 channel [proved] (in TestOne)
 * EXPECT: blocked m_test.go:12 channel [proved] (in TestTwo)
 * EXPECT: blocked m_test.go:34 mutex [proved] (in TestGroup/locked)
 */
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const module = "module example.org/m\n\ngo 1.18\n"

const tests = `package m

import (
	"sync"
	"testing"
	"time"
)

func leak() {
	answer := make(chan int)
	go func() {
		answer <- 1
	}()
}

func TestOne(t *testing.T) {
	t.Parallel()
	leak()
	time.Sleep(20 * time.Millisecond)
}

func TestTwo(t *testing.T) {
	t.Parallel()
	leak()
	time.Sleep(20 * time.Millisecond)
}

func TestGroup(t *testing.T) {
	t.Run("locked", func(t *testing.T) {
		t.Parallel()
		lock := new(sync.Mutex)
		lock.Lock()
		go func() {
			lock.Lock()
		}()
		time.Sleep(20 * time.Millisecond)
	})
}

func TestClean(t *testing.T) {
	t.Parallel()
}
`

func run() error {
	folder, err := os.MkdirTemp("", "gorocheck-go-test")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for name, text := range map[string]string{"go.mod": module, "m_test.go": tests} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0600); err != nil {
			return err
		}
	}
	command := exec.Command("go", "test", "-compiler=gccgo", "-gccgoflags=-g -O1", "-count=1", ".")
	command.Dir = folder
	command.Env = append(os.Environ(), "GOCACHE="+filepath.Join(folder, "cache"), "GOFLAGS=-mod=mod")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %s", err, output)
	}
	return nil
}

func main() {
	fmt.Println("tests:", run())
}
