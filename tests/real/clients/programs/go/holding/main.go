// A session of go-zookeeper that makes a node and asks for nothing more. Arguments: the servers, the timeout in ms, the node.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

func main() {
	millis, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	client, _, err := zk.Connect(strings.Split(os.Args[1], ","), time.Duration(millis)*time.Millisecond)
	if err != nil {
		panic(err)
	}
	for {
		_, err = client.Create(os.Args[3], nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		if err == nil || err == zk.ErrNodeExists {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Println("holds")
	select {}
}
