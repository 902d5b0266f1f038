/*
 * Tests that run at the same time and leave goroutines behind by way of the same function: each is told of its own. Subtests
 * too, and what a goroutine of a test makes.
 *
 * MODE: gotest
 * EXPECT: blocked @send channel [proved] (in TestFirst)
 * EXPECT: blocked @send channel [proved] (in TestSecond)
 * EXPECT: blocked @send channel [proved] (in TestGroup/slow_one)
 * EXPECT: blocked @deep channel [proved] (in TestDeep)
 */
package leak

import (
	"testing"
	"time"
)

func forget() {
	answer := make(chan int)
	go func() {
		answer <- 1 /* @send */
	}()
}

func TestFirst(t *testing.T) {
	t.Parallel()
	forget()
	time.Sleep(20 * time.Millisecond)
}

func TestSecond(t *testing.T) {
	t.Parallel()
	forget()
	time.Sleep(20 * time.Millisecond)
}

func TestClean(t *testing.T) {
	t.Parallel()
	answer := make(chan int)
	go func() { answer <- 1 }()
	<-answer
}

func TestGroup(t *testing.T) {
	t.Run("quick", func(t *testing.T) { t.Parallel() })
	t.Run("slow one", func(t *testing.T) {
		t.Parallel()
		forget()
		time.Sleep(20 * time.Millisecond)
	})
}

func TestDeep(t *testing.T) {
	done := make(chan bool)
	go func() {
		go func() {
			<-make(chan int) /* @deep */
		}()
		close(done)
	}()
	<-done
	time.Sleep(20 * time.Millisecond)
}
