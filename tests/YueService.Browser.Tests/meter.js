// Lets a test measure the sound of the page with an analyser between the page's audio nodes and the sound card.
(() => {
  const connect = AudioNode.prototype.connect;
  const analysers = new Map();
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target !== this.context.destination || this instanceof AnalyserNode) {
      return connect.call(this, target, ...rest);
    }

    let analyser = analysers.get(this.context);
    if (!analyser) {
      analyser = this.context.createAnalyser();
      analyser.fftSize = 8192;
      connect.call(analyser, target);
      analysers.set(this.context, analyser);
    }

    return connect.call(this, analyser, ...rest);
  };

  // The level of the last fifth of a second, as the root mean square.
  window.heardLevel = () => Math.max(0, ...[...analysers.values()].map((analyser) => {
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  }));

  window.longTasks = [];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: 'longtask', buffered: true });
})();
