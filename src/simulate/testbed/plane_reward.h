/* The true reward of the two-dimensional example of Shen, Sun and Ton (arXiv 2502.04354),
 * section 4. */
#ifndef FD_PLANE_REWARD_H
#define FD_PLANE_REWARD_H

/* The log density, at a point of the plane, of an even mixture of two Gaussians. */
double fd_plane_reward(const double point[2]);

#endif
