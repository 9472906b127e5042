/* Draws each figure of a report that is not drawn yet. The page's first part brings plotly.js and this. */
if (!window.cryptolabDraw) {
  // paper is narrower than most screens and holds no scrollbar: 680 px fit A4 and Letter between a browser's margins
  const width = 680;
  const drawn = () => document.querySelectorAll(".cl-figure[data-drawn] .cl-plot");
  addEventListener("beforeprint", () => drawn().forEach((plot) => Plotly.relayout(plot, { autosize: false, width })));
  addEventListener("afterprint", () => drawn().forEach((plot) => {
    Plotly.relayout(plot, { autosize: true, width: null });
    Plotly.Plots.resize(plot);
  }));
}
window.cryptolabDraw = () => {
  const narrow = matchMedia("(max-width: 600px)").matches;
  const finger = matchMedia("(pointer: coarse)").matches;
  for (const holder of document.querySelectorAll(".cl-figure:not([data-drawn])")) {
    holder.dataset.drawn = "yes";
    const plot = holder.querySelector(".cl-plot");
    const spec = JSON.parse(holder.querySelector("script").textContent);
    plot.textContent = "";
    // under a finger a drag has to scroll the page, not to zoom the figure
    if (finger) spec.layout.dragmode = false;
    Plotly.newPlot(plot, spec.data, spec.layout, {
      responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover", doubleClick: "autosize",
      // these and no others: plotly's own choice has a button that sends the figure to a server
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    });
    const buttons = [...holder.querySelectorAll("button")];
    buttons.forEach((button, i) => button.addEventListener("click", () => {
      Plotly.update(plot, spec.choices[i].traces, spec.choices[i].layout);
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    }));
  }
};
