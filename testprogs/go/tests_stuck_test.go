/*
 * A test that cannot end, in a subtest that runs at the same time as another one: when its time is over it is told why.
 *
 * MODE: gotest
 * ARGS: -test.timeout=1s
 * EXPECT: blocked @wait wait-group [proved] (in TestGroup/stuck)
 * EXPECT: ending testing.go:* [proved]
 * EXPECT: exit 2
 */
package stuck

import (
	"sync"
	"testing"
)

func TestGroup(t *testing.T) {
	t.Run("stuck", func(t *testing.T) {
		t.Parallel()
		var wait sync.WaitGroup
		wait.Add(1)
		wait.Wait() /* @wait */
	})
	t.Run("quick", func(t *testing.T) { t.Parallel() })
}
