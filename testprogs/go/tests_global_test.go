/*
 * A worker on a channel of the package: idle by design in a program, left behind in a test, unless it is said to be meant.
 *
 * MODE: gotest
 * EXPECT: blocked @forgotten channel [suspected] (in TestForgotten)
 * ENV: GOROCHECK_OPTIONS=go_ignore_created=.startShared$:go_ignore_current=1
 */
package worker

import (
	"os"
	"testing"
	"time"
)

var jobs, shared, always = make(chan int), make(chan int), make(chan int)

func startShared() {
	go func() {
		for range shared {
		}
	}()
}

func TestMain(m *testing.M) {
	go func() {
		for range always {
		}
	}()
	os.Exit(m.Run())
}

func TestForgotten(t *testing.T) {
	go func() {
		for range jobs { /* @forgotten */
		}
	}()
	startShared()
	time.Sleep(20 * time.Millisecond)
}
