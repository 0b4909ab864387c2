; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define void @step(ptr dead_on_unwind noalias noundef writable writeonly sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v1, ptr noundef nonnull align 8 captures(none) %v2, i64 noundef %v3, i64 noundef %v4, i64 noundef %v5) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v6 = getelementptr inbounds nuw i8, ptr %v2, i64 392
  %v7 = getelementptr i8, ptr %v2, i64 356
  %v8 = getelementptr inbounds nuw i8, ptr %v2, i64 456
  %v9 = load i64, ptr %v8, align 8
  %v10 = add i64 %v9, %v4
  %v11 = getelementptr inbounds nuw i8, ptr %v2, i64 472
  %v12 = load i64, ptr %v11, align 8
  %v13 = getelementptr inbounds nuw i8, ptr %v2, i64 480
  %v14 = load i64, ptr %v13, align 8
  %v15 = getelementptr inbounds nuw i8, ptr %v2, i64 424
  %v16 = getelementptr inbounds nuw i8, ptr %v2, i64 432
  %v17 = getelementptr inbounds nuw i8, ptr %v2, i64 440
  %v18 = getelementptr inbounds nuw i8, ptr %v2, i64 448
  %v19 = load i64, ptr %v15, align 8
  %v20 = load i64, ptr %v16, align 8
  %v21 = load i64, ptr %v17, align 8
  %v22 = load i64, ptr %v18, align 8
  %v23 = icmp eq i64 %v19, 7
  br i1 %v23, label %b1, label %b15
b1:
  %v24 = load i8, ptr %v7, align 4
  %v25 = trunc nuw i8 %v24 to i1
  %v26 = icmp ult i64 %v5, %v12
  %v27 = getelementptr inbounds nuw i8, ptr %v2, i64 360
  %v28 = select i1 %v25, i64 -1, i64 4294967295
  %v29 = getelementptr inbounds nuw i8, ptr %v2, i64 496
  %v30 = getelementptr inbounds nuw i8, ptr %v2, i64 352
  %v31 = getelementptr inbounds nuw i8, ptr %v2, i64 336
  %v32 = getelementptr inbounds nuw i8, ptr %v2, i64 344
  %v33 = getelementptr inbounds nuw i8, ptr %v2, i64 408
  %v34 = getelementptr inbounds nuw i8, ptr %v2, i64 416
  %v35 = getelementptr inbounds nuw i8, ptr %v2, i64 464
  br i1 %v26, label %b2, label %b15
b2:
  %v36 = phi i64 [ %v37, %b14 ], [ %v3, %b1 ]
  %v38 = phi i64 [ %v39, %b14 ], [ %v10, %b1 ]
  %v40 = load i64, ptr %v27, align 8
  %v41 = sub i64 %v36, %v40
  %v42 = and i64 %v41, %v28
  %v43 = icmp ult i64 %v42, %v14
  br i1 %v43, label %b3, label %b15
b3:
  %v44 = load i64, ptr %v29, align 8
  %v45 = sub i64 %v36, %v44
  %v46 = and i64 %v45, %v28
  %v47 = icmp eq i64 %v38, 0
  br i1 %v47, label %b5, label %b4
b4:
  %v48 = load i32, ptr %v30, align 8
  %v49 = zext i32 %v48 to i64
  %v50 = add nsw i64 %v49, -8
  br label %b11
b5:
  %v51 = load ptr, ptr %v31, align 8
  %v52 = load i8, ptr %v7, align 4
  %v53 = trunc nuw i8 %v52 to i1
  br i1 %v53, label %b7, label %b6
b6:
  %v54 = load atomic i32, ptr %v51 monotonic, align 4
  %v55 = zext i32 %v54 to i64
  br label %b8
b7:
  %v56 = load atomic i64, ptr %v51 monotonic, align 8
  br label %b8
b8:
  %v57 = phi i64 [ -1, %b7 ], [ 4294967295, %b6 ]
  %v58 = phi i64 [ %v56, %b7 ], [ %v55, %b6 ]
  fence acquire
  %v59 = sub i64 %v58, %v36
  %v60 = and i64 %v59, %v57
  %v61 = and i64 %v58, 7
  %v62 = icmp eq i64 %v61, 0
  br i1 %v62, label %b9, label %b26
b9:
  %v63 = load i32, ptr %v30, align 8
  %v64 = zext i32 %v63 to i64
  %v65 = add nsw i64 %v64, -8
  %v66 = tail call i64 @llvm.usub.sat.i64(i64 %v65, i64 %v46)
  %v67 = icmp ugt i64 %v60, %v66
  br i1 %v67, label %b16, label %b10
b10:
  %v68 = icmp eq i64 %v60, 0
  br i1 %v68, label %b15, label %b11
b11:
  %v69 = phi i64 [ %v60, %b10 ], [ %v38, %b4 ]
  %v70 = phi i64 [ %v65, %b10 ], [ %v50, %b4 ]
  %v71 = load ptr, ptr %v32, align 8
  %v72 = and i64 %v70, %v36
  %v73 = getelementptr inbounds nuw i8, ptr %v71, i64 %v72
  %v74 = load atomic i32, ptr %v73 monotonic, align 4
  fence acquire
  %v75 = icmp sgt i32 %v74, -1
  br i1 %v75, label %b12, label %b15
b12:
  %v76 = and i32 %v74, 1073741823
  %v77 = add nuw nsw i32 %v76, 15
  %v78 = and i32 %v77, 2147483640
  %v79 = zext nneg i32 %v78 to i64
  %v80 = icmp ult i64 %v69, %v79
  br i1 %v80, label %b21, label %b13
b13:
  %v37 = add i64 %v36, %v79
  %v39 = sub nuw i64 %v69, %v79
  %v81 = load <2 x i64>, ptr %v33, align 8
  store <2 x i64> %v81, ptr %v6, align 8
  store i64 %v36, ptr %v33, align 8
  store i64 %v37, ptr %v34, align 8
  %v82 = icmp samesign ult i32 %v74, 1073741824
  br i1 %v82, label %b22, label %b14
b14:
  %v83 = load i64, ptr %v35, align 8
  %v84 = add i64 %v83, 1
  store i64 %v84, ptr %v35, align 8
  %v85 = load i64, ptr %v15, align 8
  %v86 = load i64, ptr %v16, align 8
  %v87 = load i64, ptr %v17, align 8
  %v88 = load i64, ptr %v18, align 8
  %v89 = icmp eq i64 %v85, 7
  br i1 %v89, label %b2, label %b15
b15:
  %v90 = phi i64 [ %v36, %b26 ], [ %v3, %b0 ], [ %v3, %b1 ], [ %v36, %b2 ], [ %v37, %b14 ], [ %v36, %b11 ], [ %v36, %b10 ]
  %v91 = phi i64 [ %v92, %b26 ], [ %v20, %b0 ], [ undef, %b1 ], [ undef, %b2 ], [ %v86, %b14 ], [ undef, %b11 ], [ undef, %b10 ]
  %v93 = phi i64 [ %v94, %b26 ], [ %v21, %b0 ], [ undef, %b1 ], [ undef, %b2 ], [ %v87, %b14 ], [ undef, %b11 ], [ undef, %b10 ]
  %v95 = phi i64 [ %v96, %b26 ], [ %v22, %b0 ], [ undef, %b1 ], [ undef, %b2 ], [ %v88, %b14 ], [ undef, %b11 ], [ undef, %b10 ]
  %v97 = phi i64 [ %v98, %b26 ], [ %v10, %b0 ], [ %v10, %b1 ], [ %v38, %b2 ], [ %v39, %b14 ], [ %v69, %b11 ], [ 0, %b10 ]
  %v99 = phi i64 [ %v100, %b26 ], [ %v19, %b0 ], [ 10, %b1 ], [ 10, %b2 ], [ %v85, %b14 ], [ 8, %b11 ], [ 9, %b10 ]
  store i64 %v97, ptr %v8, align 8
  store i64 %v90, ptr %v1, align 8
  %v101 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  store i64 0, ptr %v101, align 8
  %v102 = getelementptr inbounds nuw i8, ptr %v1, i64 16
  store i64 %v90, ptr %v102, align 8
  %v103 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i64 %v99, ptr %v103, align 8
  %v104 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  store i64 %v91, ptr %v104, align 8
  %v105 = getelementptr inbounds nuw i8, ptr %v1, i64 40
  store i64 %v93, ptr %v105, align 8
  %v106 = getelementptr inbounds nuw i8, ptr %v1, i64 48
  store i64 %v95, ptr %v106, align 8
  br label %b25
b16:
  %v107 = sub i64 %v36, %v46
  %v108 = and i64 %v57, %v107
  %v109 = getelementptr inbounds nuw i8, ptr %v2, i64 328
  %v110 = load ptr, ptr %v109, align 8
  br i1 %v53, label %b17, label %b18
b17:
  %v111 = load atomic i64, ptr %v110 monotonic, align 8
  br label %b19
b18:
  %v112 = load atomic i32, ptr %v110 monotonic, align 4
  %v113 = zext i32 %v112 to i64
  br label %b19
b19:
  %v114 = phi i64 [ %v111, %b17 ], [ %v113, %b18 ]
  %v115 = icmp eq i64 %v114, %v108
  br i1 %v115, label %b20, label %b26
b20:
  br label %b26
b21:
  %v116 = load i8, ptr %v7, align 4
  %v117 = trunc nuw i8 %v116 to i1
  %v118 = select i1 %v117, i64 -1, i64 4294967295
  br label %b26
b22:
  %v119 = icmp eq i64 %v12, -1
  br i1 %v119, label %b23, label %b24
b23:
  %v120 = load i64, ptr %v27, align 8
  %v121 = sub i64 %v37, %v120
  %v122 = and i64 %v121, %v28
  %v123 = tail call i64 @llvm.usub.sat.i64(i64 %v14, i64 %v122)
  %v124 = load i64, ptr %v2, align 8
  %v125 = icmp ne i64 %v124, 0
  %v126 = icmp ugt i64 %v39, 1024
  %v127 = and i1 %v126, %v125
  %v128 = add i64 %v39, -512
  %v129 = select i1 %v127, i64 %v128, i64 %v39
  %v130 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v131 = load i64, ptr %v130, align 8
  %v132 = tail call noundef i64 @llvm.umin.i64(i64 %v131, i64 %v129)
  %v133 = tail call noundef i64 @llvm.umin.i64(i64 %v123, i64 %v132)
  br label %b24
b24:
  %v134 = phi i64 [ %v133, %b23 ], [ 0, %b22 ]
  %v135 = sub i64 %v39, %v134
  store i64 %v135, ptr %v8, align 8
  store i64 %v37, ptr %v1, align 8
  %v136 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  store i64 %v134, ptr %v136, align 8
  %v137 = getelementptr inbounds nuw i8, ptr %v1, i64 16
  store i64 %v36, ptr %v137, align 8
  %v138 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i64 7, ptr %v138, align 8
  %v139 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  store i32 %v76, ptr %v139, align 8
  br label %b25
b25:
  ret void
b26:
  %v92 = phi i64 [ %v79, %b21 ], [ %v58, %b20 ], [ %v114, %b19 ], [ %v58, %b8 ]
  %v140 = phi i64 [ %v118, %b21 ], [ %v57, %b20 ], [ %v57, %b19 ], [ %v57, %b8 ]
  %v94 = phi i64 [ %v69, %b21 ], [ undef, %b20 ], [ %v108, %b19 ], [ undef, %b8 ]
  %v100 = phi i64 [ 4, %b21 ], [ 2, %b20 ], [ 5, %b19 ], [ 1, %b8 ]
  %v98 = phi i64 [ %v69, %b21 ], [ 0, %b20 ], [ 0, %b19 ], [ 0, %b8 ]
  %v96 = and i64 %v140, %v36
  store i64 %v100, ptr %v15, align 8
  store i64 %v92, ptr %v16, align 8
  store i64 %v94, ptr %v17, align 8
  store i64 %v96, ptr %v18, align 8
  br label %b15
}
