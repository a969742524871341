// A session of go-zookeeper: prints what it was told, and nothing that varies.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	timeout  = 15 * time.Second
	patience = 60 * time.Second
)

var open = zk.WorldACL(zk.PermAll)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	return value
}

// next gives the next event of a watch.
func next(events <-chan zk.Event) string {
	select {
	case event := <-events:
		return fmt.Sprintf("%v %s %v", event.Type, event.Path, event.Err)
	case <-time.After(patience):
		return "no event came"
	}
}

// waitFor drops events until one tells the state.
func waitFor(events <-chan zk.Event, state zk.State) {
	deadline := time.After(patience)
	for {
		select {
		case event := <-events:
			if event.Type == zk.EventSession && event.State == state {
				return
			}
		case <-deadline:
			fmt.Println("never became", state)
			os.Exit(1)
		}
	}
}

func connect(servers []string) (*zk.Conn, <-chan zk.Event) {
	quiet := zk.WithLogger(log.New(io.Discard, "", 0))
	client, events, err := zk.Connect(servers, timeout, quiet)
	must(client, err)
	waitFor(events, zk.StateHasSession)
	return client, events
}

func nodes(client *zk.Conn, root string) {
	node := root + "/node"
	fmt.Println(client.Create(node, []byte("one"), 0, open))
	fmt.Println(client.Create(node, nil, 0, open))
	data, stat, err := client.Get(node)
	fmt.Println(string(data), stat.Version, err)
	stat = must(client.Set(node, []byte("zwei ä😀"), 0))
	fmt.Println("set: version", stat.Version, "length", stat.DataLength)
	_, err = client.Set(node, nil, 0)
	fmt.Println("bad version:", err)
	_, _, err = client.Get(root + "/missing")
	fmt.Println("missing:", err)
	there, _, err := client.Exists(root + "/missing")
	fmt.Println("exists:", there, err)
	for i := 0; i < 3; i++ {
		fmt.Println(client.Create(node+"/s-", nil, zk.FlagSequence, open))
	}
	fmt.Println(client.Create(root+"/ephemeral", []byte("mine"), zk.FlagEphemeral, open))
	_, stat, err = client.Exists(root + "/ephemeral")
	fmt.Println("owned:", stat.EphemeralOwner == client.SessionID(), err)
	fmt.Println(client.Create(root+"/ephemeral/x", nil, 0, open))
	guarded := must(client.CreateProtectedEphemeralSequential(root+"/p-", nil, open))
	fmt.Println(guarded[strings.LastIndex(guarded, "-")+1:])
	fmt.Println(client.CreateContainer(root+"/container", nil, zk.FlagTTL, open))
	children, stat, err := client.Children(node)
	sort.Strings(children)
	fmt.Println(children, stat.NumChildren, err)
	large := make([]byte, 900_000)
	fmt.Println("large:", must(client.Set(node, large, -1)).DataLength)
	data, _, err = client.Get(node)
	fmt.Println("read:", len(data), err)
	fmt.Println("not empty:", client.Delete(node, -1))
	fmt.Println(client.Sync(root))
}

func multi(client *zk.Conn, root string) {
	results, err := client.Multi(
		&zk.CheckVersionRequest{Path: root, Version: 0},
		&zk.CreateRequest{Path: root + "/multi", Data: []byte("m"), Acl: open, Flags: zk.FlagEphemeral},
		&zk.SetDataRequest{Path: root + "/multi", Data: []byte("n"), Version: 0},
		&zk.CreateRequest{Path: root + "/gone", Acl: open},
		&zk.DeleteRequest{Path: root + "/gone", Version: -1})
	for _, result := range results {
		fmt.Println("multi:", result.String, result.Stat != nil, result.Error)
	}
	fmt.Println("multi:", err)
	results, err = client.Multi(
		&zk.SetDataRequest{Path: root + "/multi", Data: []byte("o"), Version: -1},
		&zk.CheckVersionRequest{Path: root + "/multi", Version: 77},
		&zk.DeleteRequest{Path: root + "/multi", Version: -1})
	for _, result := range results {
		fmt.Println("refused:", result.Error)
	}
	fmt.Println("refused:", err)
}

func watches(client *zk.Conn, root string) {
	watched := root + "/watched"
	_, _, created, err := client.ExistsW(watched)
	_, _, children, _ := client.ChildrenW(root)
	fmt.Println(client.Create(watched, nil, 0, open))
	fmt.Println("create:", next(created), err)
	fmt.Println("children:", next(children))
	_, _, data, err := client.GetW(watched)
	must(client.Set(watched, []byte("x"), -1))
	fmt.Println("data:", next(data), err)
}

func auth(client *zk.Conn, root string, servers []string) {
	fmt.Println("auth:", client.AddAuth("digest", []byte("alice:secret")))
	private := root + "/private"
	fmt.Println(client.Create(private, []byte("p"), 0, zk.DigestACL(zk.PermAll, "alice", "secret")))
	acl, _, err := client.GetACL(private)
	fmt.Println(acl, err)
	stranger, _ := connect(servers)
	_, _, err = stranger.Get(private)
	fmt.Println("a stranger reads:", err)
	fmt.Println("auth:", stranger.AddAuth("digest", []byte("alice:secret")))
	data, _, err := stranger.Get(private)
	fmt.Println("with the password:", string(data), err)
	stranger.Close()
}

func cut(client *zk.Conn, states <-chan zk.Event, root string) {
	session := client.SessionID()
	_, _, watch, err := client.GetW(root + "/private")
	fmt.Println("#cut")
	waitFor(states, zk.StateDisconnected)
	waitFor(states, zk.StateHasSession)
	fmt.Println("the same session:", session == client.SessionID(), err)
	data, _, err := client.Get(root + "/ephemeral")
	fmt.Println("ephemeral node:", string(data), err)
	// Its credentials were sent again, too.
	must(client.Set(root+"/private", []byte("after the cut"), -1))
	fmt.Println("watch from before the cut:", next(watch))
}

func main() {
	servers, root := strings.Split(os.Args[1], ","), os.Args[2]
	client, states := connect(servers)
	fmt.Println(client.Create(root, nil, 0, open))
	nodes(client, root)
	multi(client, root)
	watches(client, root)
	auth(client, root, servers)
	cut(client, states, root)
	client.Close()
	fmt.Println("closed")
	client, _ = connect(servers)
	there, _, err := client.Exists(root + "/ephemeral")
	// Close waits for its answer for a second only. It is the close that has to remove the node, not the timeout.
	for began := time.Now(); there && err == nil && time.Since(began) < timeout/2; {
		time.Sleep(20 * time.Millisecond)
		there, _, err = client.Exists(root + "/ephemeral")
	}
	fmt.Println("gone with its session:", !there, err)
	client.Close()
}
