// Reads dashboards as Grafana's own Go package describes them and fails at what it does not know.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func check(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var found cog.BuildErrors
	// Where all is well it returns an empty list of errors, and leaves panels out.
	if err := dashboard.NewDashboard().UnmarshalJSONStrict(raw); err != nil && !(errors.As(err, &found) && len(found) == 0) {
		return err
	}
	board := dashboard.NewDashboard()
	if err := json.Unmarshal(raw, board); err != nil {
		return err
	}
	if err := board.Validate(); err != nil {
		return err
	}
	if board.SchemaVersion > dashboard.NewDashboard().SchemaVersion {
		return fmt.Errorf("schema version %d is not known yet", board.SchemaVersion)
	}
	for _, one := range board.Panels {
		panel := one.Panel
		if panel == nil {
			continue
		}
		if err := words(*panel); err != nil {
			return fmt.Errorf("panel %d (%s): %w", *panel.Id, *panel.Title, err)
		}
	}
	return nil
}

// Words that have a list of their own: the package reads any text there.
func words(panel dashboard.Panel) error {
	switch options := panel.Options.(type) {
	case *timeseries.Options:
		return errors.Join(legend(options.Legend), tooltip(options.Tooltip))
	case *statetimeline.Options:
		show := []common.VisibilityMode{common.VisibilityModeAuto, common.VisibilityModeNever, common.VisibilityModeAlways}
		return errors.Join(legend(options.Legend), tooltip(options.Tooltip), among(options.ShowValue, show))
	case *stat.Options:
		graph := []common.BigValueGraphMode{common.BigValueGraphModeNone, common.BigValueGraphModeLine, common.BigValueGraphModeArea}
		colour := []common.BigValueColorMode{common.BigValueColorModeValue, common.BigValueColorModeBackground, common.BigValueColorModeNone}
		what := []common.BigValueTextMode{common.BigValueTextModeAuto, common.BigValueTextModeValue, common.BigValueTextModeName}
		return errors.Join(among(options.GraphMode, graph), among(options.ColorMode, colour), among(options.TextMode, what))
	case *table.Options, *text.Options:
		return nil
	}
	return fmt.Errorf("a kind of panel that is not checked here: %s", panel.Type)
}

func legend(options common.VizLegendOptions) error {
	modes := []common.LegendDisplayMode{common.LegendDisplayModeList, common.LegendDisplayModeTable, common.LegendDisplayModeHidden}
	places := []common.LegendPlacement{common.LegendPlacementBottom, common.LegendPlacementRight}
	return errors.Join(among(options.DisplayMode, modes), among(options.Placement, places))
}

func tooltip(options common.VizTooltipOptions) error {
	modes := []common.TooltipDisplayMode{common.TooltipDisplayModeSingle, common.TooltipDisplayModeMulti, common.TooltipDisplayModeNone}
	orders := []common.SortOrder{common.SortOrderAscending, common.SortOrderDescending, common.SortOrderNone}
	return errors.Join(among(options.Mode, modes), among(options.Sort, orders))
}

func among[T ~string](word T, known []T) error {
	if slices.Contains(known, word) {
		return nil
	}
	return fmt.Errorf("%q is none of %q", word, known)
}

func main() {
	runtime := cog.NewRuntime()
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	runtime.RegisterPanelcfgVariant(table.VariantConfig())
	runtime.RegisterPanelcfgVariant(text.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	failed := false
	for _, file := range os.Args[1:] {
		if err := check(file); err != nil {
			fmt.Printf("%s: %v\n", file, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
